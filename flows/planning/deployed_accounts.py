"""The accounts that deployments trade: a backfill begun in one would shut it to them."""

#: The account where the user names none, and what tells the deployments made here from all others.
ACCOUNT, TAG = "daily-own", "own"
#: Those of prefect.yaml, each with an account of its name; the second lends the new ones its flow, pool and form.
TAKEN = ("daily-crypto", "daily-equities")
