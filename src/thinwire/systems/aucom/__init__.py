"""AUCOM, extreme compression of mel features for edge-to-server audio: the paper's systems and their neighbours."""
