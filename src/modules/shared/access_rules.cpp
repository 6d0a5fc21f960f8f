// Reading and applying allow and deny.
#include "modules/shared/access_rules.hpp"

#include "core/config/loader.hpp"

namespace berth {

namespace {

void take(Loader& loader, const Node& node, bool allow, Setting<AccessRules>& into) {
    const Word& word = node.args[0];
    AccessRule rule;
    rule.allow = allow;
    rule.all = word.text == "all";
    if (!rule.all) {
        Result<Cidr> network = Cidr::parse(word.text);
        if (!network)
            return loader.error(word.at, network.error().message,
                                "write a network, an address, unix: or all");
        if (network->had_host_bits()) {
            loader.warning(word.at, "low address bits of \"" + word.text + "\" are meaningless",
                           "it is " + network->to_text());
        }
        rule.network = *network;
    }
    into.edit().push_back(rule);
}

}  // namespace

void take_allow(Loader& loader, const Node& node, Setting<AccessRules>& into) {
    take(loader, node, true, into);
}

void take_deny(Loader& loader, const Node& node, Setting<AccessRules>& into) {
    take(loader, node, false, into);
}

AccessAnswer access_of(const AccessRules& rules, const Address& client) noexcept {
    for (const AccessRule& rule : rules) {
        if (rule.all || rule.network.contains(client)) {
            return rule.allow ? AccessAnswer::allowed : AccessAnswer::denied;
        }
    }
    return AccessAnswer::none;
}

}  // namespace berth
