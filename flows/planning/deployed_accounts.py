"""The accounts that deployments trade: a backfill begun in one would block them."""

#: The default account of `turbodmt up`, and the tag of the deployments that it creates.
ACCOUNT, TAG = "daily-own", "own"
#: Deployments of prefect.yaml, each with an account of its name; the second is the pattern of new ones.
TAKEN = ("daily-crypto", "daily-equities")
