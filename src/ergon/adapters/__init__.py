"""The adapters: technologies behind the ports, one folder per port, one file per technology."""
