"""Why does the network fail? What it mixes up, and which units make it do so."""
