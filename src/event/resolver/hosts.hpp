// What /etc/hosts says (hosts(5)).
#pragma once

#include <map>
#include <string>

#include "core/net/address.hpp"

namespace berth {

// Names in lower case, with every address that the file has for them; lines that make no sense are passed
// over, and a file that cannot be read is empty. Reads the disk: not on a loop.
std::multimap<std::string, Address, std::less<>> read_hosts(const std::string& path);

}  // namespace berth
