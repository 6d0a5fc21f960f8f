// AccessRules: allow and deny, in the order they were written.
#pragma once

#include <vector>

#include "core/config/setting.hpp"
#include "core/net/cidr.hpp"

namespace berth {

class Loader;
struct Node;

struct AccessRule {
    bool allow = false;
    bool all = false;
    Cidr network;
};
// A block that has any rule takes none of the block around it.
using AccessRules = std::vector<AccessRule>;

// The rows' functions: allow or deny NETWORK | all | unix:.
void take_allow(Loader& loader, const Node& node, Setting<AccessRules>& into);
void take_deny(Loader& loader, const Node& node, Setting<AccessRules>& into);

enum class AccessAnswer : std::uint8_t { none, allowed, denied };

// What the first rule says that has this address.
AccessAnswer access_of(const AccessRules& rules, const Address& client) noexcept;

}  // namespace berth
