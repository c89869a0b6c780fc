"""SQL row features, the same in training and in serving, and the profiles that drift is measured on."""
