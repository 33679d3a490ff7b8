"""The parts of `./build.sh bench proxy`: the stage, the peers, one module for each table, and the bars."""
