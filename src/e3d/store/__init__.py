"""The store of labelled frames: readers of dataset files, the writer and the reader."""
