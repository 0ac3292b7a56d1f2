"""Training: QReLU nets, SynOp loss, fine-tuning on the emulator.

Nothing is imported here, so that the list of models costs no torch: import from the modules.
"""
