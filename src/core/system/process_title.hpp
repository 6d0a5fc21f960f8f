// Process titles: what ps(1) shows.
#pragma once

#include <string_view>

namespace berth {

// Remembers the memory of argv and the environment, and moves the environment elsewhere so that the title may
// grow into it. Called once, at the start of main(), before any thread; argv's own strings are invalid after
// the first set_process_title().
void init_process_title(int argc, char** argv);

// Sets the title, cut to the room there is. Does nothing before init_process_title().
void set_process_title(std::string_view title);

}  // namespace berth
