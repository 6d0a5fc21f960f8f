// What each strategy can carry.
#include "event/accept/strategy.hpp"

namespace berth {

std::string why_not(Strategy strategy, Carried what) {
    if (what == Carried::udp && strategy == Strategy::handoff) {
        return "strategy \"handoff\" passes on connections that were accepted, and UDP has none";
    }
    if (what == Carried::udp && strategy == Strategy::proxy) {
        return "strategy \"proxy\" relays connections, and UDP has none";
    }
    if (what == Carried::unix_stream && strategy == Strategy::reuseport) {
        return "strategy \"reuseport\" needs several sockets at one address, and a unix socket's path names "
               "only one";
    }
    return {};
}

}  // namespace berth
