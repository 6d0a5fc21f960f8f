// What nearly every source file includes, compiled once for a build: it saves two fifths of the compiler's time.
// Only headers that do not change. Each source names what it uses all the same: builds with
// --without-precompiled-headers do not have this, nor has clang-tidy. The tests' own has <gtest/gtest.h> as well.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <ranges>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
