"""Formulas in the reader's browser: plain Python functions, written anew as an ES module.

kinds        what an expression is: a float, a whole number, true or false, a text, a record
refused      what cannot be carried over, where it stands, and what to write instead
names        names that JavaScript keeps for itself
runtime      the few operations that differ between the two languages
expressions  one expression
functions    one function
module       the module of them all
"""
