// How sizes that may be variables are checked and read.
#include "modules/http/variables/size_value.hpp"

#include "core/config/loader.hpp"
#include "core/text/number.hpp"
#include "modules/http/request.hpp"

namespace berth::http {

void check_size(Loader& loader, const Value& value, std::string_view directive) {
    if (!value.is_constant() || parse_size(value.constant())) return;
    loader.error(loader.current()->at,
                 "invalid size \"" + value.constant() + "\" in \"" + std::string(directive) + '"',
                 "bytes, or with a unit: 100k, 1m; 0 is no limit");
}

std::uint64_t size_of(Request& request, const Value& value) {
    const std::string_view text = value.eval(request);
    if (text.empty()) return 0;
    const std::optional<std::uint64_t> size = parse_size(text);
    if (!size) request.log_at(LogLevel::error, "invalid size \"{}\" of \"{}\"", text, value.source());
    return size.value_or(0);
}

}  // namespace berth::http
