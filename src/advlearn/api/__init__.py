"""The public interface: what ``import advlearn`` offers, over the floors below.

Attacks on images and on rankings, robust accuracy and certificates, called with arrays instead of
files and settings. It adds no mathematics of its own.
"""
