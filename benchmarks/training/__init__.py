"""Speed of training: a step, the default model cold and warm, a daily retraining, a CUDA device."""
