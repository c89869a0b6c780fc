"""The only room that talks to AWS: each adapter implements one port and maps foreign errors to ours."""
