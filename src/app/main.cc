#include "app/hooks.h"
#include "cli/cli.h"

int main(int argc, char** argv) { return dl::cli::main(argc, argv, dl::app::hooks()); }
