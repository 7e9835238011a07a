"""Kernels: started now, started ahead, or forked."""
