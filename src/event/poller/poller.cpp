// Which pollers there are.
#include "event/poller/poller.hpp"

#include <cstdlib>
#include <string>

namespace berth {

Result<std::unique_ptr<Poller>> make_poller(std::string_view name) {
    if (name.empty()) {
        // The tests run everything a second time with another poller, without a configuration that says so.
        const char* asked = std::getenv("BERTH_TEST_POLLER");
        name = asked != nullptr && *asked != '\0' ? asked : "epoll";
    }
    if (name == "epoll") return make_epoll_poller();
    if (name == "poll") return make_poll_poller();
    return Error("unknown event method \"" + std::string(name) + "\": this build has epoll and poll");
}

}  // namespace berth
