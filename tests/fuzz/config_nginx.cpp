// Fuzzes the reader of configurations in nginx's syntax, the writers of both syntaxes, and what applies a
// tree.
#include "tests/fuzz/config_trees.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    return berth::fuzz::read_as(berth::Syntax::nginx, {reinterpret_cast<const char*>(data), size});
}
