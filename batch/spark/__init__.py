"""The heavy parts of a night on a Spark cluster, block by block.

The night writes blocks of rows as Parquet into a folder that all machines see, Spark runs one task
a block wherever there is room and again where an executor died, and each task writes its answer as
Parquet beside its question. What a task computes is what one machine computes: the same compiled
solver, the same counting, so that the engine does not change what a run is.
"""
