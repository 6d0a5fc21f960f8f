// Affinity and cgroup quotas.
#include "core/system/cpu.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <vector>

#include "core/system/access.hpp"
#include "core/text/ascii.hpp"
#include "core/text/number.hpp"

namespace berth {
namespace {

// The next line or word; removed from `text`.
std::string_view take_until(std::string_view& text, char end) noexcept {
    const std::size_t at = std::min(text.find(end), text.size());
    const std::string_view taken = text.substr(0, at);
    text.remove_prefix(std::min(at + 1, text.size()));
    return taken;
}

std::string content_of(const std::string& path) { return read_file(path, 64 * 1024).value_or(std::string()); }

std::optional<std::uint64_t> number_in(std::string_view text) noexcept {
    return parse_unsigned(text.substr(0, text.find_last_not_of(" \n") + 1));
}

// Quota over period in whole processors, rounded up; 0 for "none".
unsigned processors(std::optional<std::uint64_t> quota, std::optional<std::uint64_t> period) noexcept {
    if (!quota || !period || *quota == 0 || *period == 0 || *quota > UINT64_MAX - *period) return 0;
    return static_cast<unsigned>(std::min<std::uint64_t>((*quota + *period - 1) / *period, 65536));
}

unsigned limit_v2(const std::string& folder) {
    const std::string content = content_of(folder + "/cpu.max");  // "200000 100000" or "max 100000"
    std::string_view text = content;
    const std::string_view quota = take_until(text, ' ');
    return processors(parse_unsigned(quota), number_in(text));
}

unsigned limit_v1(const std::string& folder) {
    // The quota is -1 when there is none, which is no unsigned number.
    return processors(number_in(content_of(folder + "/cpu.cfs_quota_us")),
                      number_in(content_of(folder + "/cpu.cfs_period_us")));
}

unsigned smaller_limit(unsigned a, unsigned b) noexcept { return a == 0 ? b : b == 0 ? a : std::min(a, b); }

// The least limit of `path` and all cgroups above it.
unsigned least_limit(const std::string& mount, std::string path, unsigned (*limit)(const std::string&)) {
    unsigned least = limit(mount);
    while (path.size() > 1) {
        least = smaller_limit(least, limit(mount + path));
        path.resize(path.rfind('/') == path.npos ? 0 : path.rfind('/'));
    }
    return least;
}

bool has_word(std::string_view list, std::string_view word) noexcept {
    while (!list.empty()) {
        if (take_until(list, ',') == word) return true;
    }
    return false;
}

unsigned allowed_cpus() {
    // The kernel refuses a mask shorter than its own, so it grows until it fits (sched_setaffinity(2)).
    for (std::size_t cpus = 1024; cpus <= 1024 * 1024; cpus *= 2) {
        std::vector<cpu_set_t> mask(cpus / (8 * sizeof(cpu_set_t)));
        const std::size_t size = mask.size() * sizeof(cpu_set_t);
        if (::sched_getaffinity(0, size, mask.data()) == 0)
            return static_cast<unsigned>(CPU_COUNT_S(size, mask.data()));
        if (errno != EINVAL) break;
    }
    return static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

}  // namespace

unsigned cgroup_cpu_limit(const std::string& root) {
    const std::string memberships = content_of(root + "/proc/self/cgroup");
    std::string_view lines = memberships;
    const std::string mount = root + "/sys/fs/cgroup";
    unsigned least = 0;
    while (!lines.empty()) {  // "0::/a/b" in v2, "4:cpu,cpuacct:/a/b" in v1
        std::string_view path = take_until(lines, '\n');
        const std::string_view hierarchy = take_until(path, ':');
        const std::string_view controllers = take_until(path, ':');
        if (hierarchy == "0" && controllers.empty()) {
            least = smaller_limit(least, least_limit(mount, std::string(path), limit_v2));
        } else if (has_word(controllers, "cpu")) {
            least = smaller_limit(least, least_limit(mount + "/cpu", std::string(path), limit_v1));
        }
    }
    return least;
}

unsigned usable_cpus() {
    const unsigned allowed = std::max(1u, allowed_cpus());
    const unsigned limit = cgroup_cpu_limit("");
    return limit == 0 ? allowed : std::min(allowed, limit);
}

}  // namespace berth
