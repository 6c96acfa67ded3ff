"""The ``graphtune`` command: one file per subcommand, joined in `graphtune.cli.app`."""
