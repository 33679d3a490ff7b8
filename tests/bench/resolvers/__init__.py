"""The parts of `./build.sh bench dns`: servers, load, and what is read from the kernel."""
