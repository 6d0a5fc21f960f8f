// What a name server may send: any bytes as an answer to any question.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "event/resolver/answer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using berth::RecordType;
    constexpr std::size_t kMost = 4;
    const std::string_view message(reinterpret_cast<const char*>(data), size);
    for (const RecordType type : {RecordType::a, RecordType::aaaa, RecordType::srv}) {
        const auto records = berth::parse_dns_message(message, type, kMost);
        if (!records) continue;
        if (records->addresses.size() > kMost || records->services.size() > kMost) std::abort();
        for (const berth::ServiceRecord& service : records->services) {
            if (!berth::is_host_name(service.host)) std::abort();
        }
    }
    return 0;
}
