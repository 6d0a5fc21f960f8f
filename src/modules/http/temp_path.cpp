// Reading the folder for temporary files.
#include "modules/http/temp_path.hpp"

#include "core/text/number.hpp"

namespace berth::http {

void take_temp_path(Loader& loader, const Node& node, Setting<std::string>& setting) {
    for (std::size_t i = 1; i < node.args.size(); ++i) {
        if (parse_unsigned(node.args[i].text, 3)) continue;
        loader.error(node.args[i].at, "invalid level \"" + node.args[i].text + "\" in \"" + node.name + "\"",
                     "a level is 1, 2 or 3");
    }
    setting.set(node.args[0].text);
}

}  // namespace berth::http
