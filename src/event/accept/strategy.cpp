// What each strategy can carry.
#include "event/accept/strategy.hpp"

namespace berth {

std::string why_not(Strategy strategy, const Address& address) {
    if (strategy == Strategy::reuseport && address.is_unix()) {
        return "strategy \"reuseport\" needs several sockets at one address, and a unix socket's path names "
               "only one";
    }
    return {};
}

}  // namespace berth
