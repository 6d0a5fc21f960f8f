// Reading /etc/hosts.
#include "event/resolver/hosts.hpp"

#include <fstream>
#include <sstream>

#include "core/text/ascii.hpp"
#include "event/resolver/answer.hpp"

namespace berth {

std::multimap<std::string, Address, std::less<>> read_hosts(const std::string& path) {
    std::multimap<std::string, Address, std::less<>> hosts;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::string word;
        if (!(words >> word)) continue;
        const Result<Address> address = Address::parse_ip(word);
        while (address && words >> word) {
            if (is_host_name(word)) hosts.emplace(ascii::lowercase(word), *address);
        }
    }
    return hosts;
}

}  // namespace berth
