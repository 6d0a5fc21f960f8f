// Builds that leave modules out (./configure --without-NAME_module): what needs one of them is skipped.
#pragma once

#include <string>

namespace berth::test {

// Skips the rest of the running test, also from below a helper, when this build leaves modules out and what
// was said of a configuration complains of a name that is not known. In a build with all modules, as in CI,
// this does nothing.
void skip_if_left_out(const std::string& messages);

}  // namespace berth::test
