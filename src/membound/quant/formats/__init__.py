"""GGUF block formats, one family per module; `membound.quant.blocks` is the door.

layout          what a format is: its name, its struct, its decoder and its encoder
codes           small integers packed into bytes; groups turned to columns and back
half            float16 in integer steps
plain           F32 F16 BF16: one number, one weight
legacy          Q8_0 Q4_0 Q4_1 Q5_0 Q5_1: one line for 32 weights
search          fit groups of weights to codes: what makes a K-quant encoder
k_encoders      Q2_K to Q6_K, written
k_quants        Q2_K to Q6_K, read: groups whose scales are codes themselves
table_encoders  IQ4_NL MXFP4, written
tables          IQ4_NL IQ4_XS MXFP4 NVFP4, read: sixteen uneven levels
"""
