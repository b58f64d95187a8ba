"""What is measured where there is a GPU: is it right, how fast is it, does a pretrained model learn."""
