raise RuntimeError("no licence file.\nBuy one.")
