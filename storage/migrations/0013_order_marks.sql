-- The close at which an order was decided: its quantity is in the unit of that price. Null for older orders.

ALTER TABLE orders ADD COLUMN mark DECIMAL(38, 12);
