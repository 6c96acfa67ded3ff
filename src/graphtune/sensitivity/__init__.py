"""What each module of an encoder is worth, measured: tuned alone, pruned, quantised."""
