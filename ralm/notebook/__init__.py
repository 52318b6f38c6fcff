"""What the face for notebooks (`ralm.workspace`) is made of."""
