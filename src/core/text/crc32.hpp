// CRC-32 (ISO-HDLC, the one of zlib), computed piece by piece.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace berth {

class Crc32 {
 public:
    constexpr Crc32& add(std::string_view bytes) noexcept {
        for (const char byte : bytes) {
            state_ = kTable[(state_ ^ static_cast<unsigned char>(byte)) & 0xffU] ^ (state_ >> 8U);
        }
        return *this;
    }
    constexpr std::uint32_t value() const noexcept { return ~state_; }

 private:
    static constexpr std::array<std::uint32_t, 256> kTable = [] {
        std::array<std::uint32_t, 256> table{};
        for (std::uint32_t i = 0; i < 256; ++i) {
            std::uint32_t entry = i;
            for (int bit = 0; bit < 8; ++bit) entry = (entry >> 1U) ^ ((entry & 1U) != 0 ? 0xedb88320U : 0);
            table[i] = entry;
        }
        return table;
    }();
    std::uint32_t state_ = 0xffffffffU;
};

constexpr std::uint32_t crc32(std::string_view bytes) noexcept { return Crc32().add(bytes).value(); }
static_assert(crc32("123456789") == 0xcbf43926U);

}  // namespace berth
