"""The fish detector: network, targets, loss and configurations. README.md is its model card."""
