"""``plugin`` runs in the gateway, ``model`` on Triton, ``train`` makes the weights."""
