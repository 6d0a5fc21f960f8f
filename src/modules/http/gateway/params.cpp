// How a request becomes parameters.
#include "modules/http/gateway/params.hpp"

#include <algorithm>

#include "core/text/ascii.hpp"
#include "core/text/number.hpp"

namespace berth::http {

namespace {

constexpr std::string_view kContentLength = "CONTENT_LENGTH";

std::uint64_t length_of(Request& request, SentBody body) {
    return body == SentBody::complete ? request.body().size() : request.framing().length;
}

char param_letter(char c) noexcept { return c == '-' ? '_' : ascii::to_upper(c); }

bool same_param(std::string_view a, std::string_view b) noexcept {
    return std::ranges::equal(a, b, {}, param_letter, param_letter);
}

// The client's fields on their way to become parameters.
class ClientFields {
 public:
    ClientFields(const Request& request, SentBody body)
        : fields_(request.head().fields), bytes_(request.head_bytes()), body_(body) {}

    bool passes(std::size_t at) const {
        const HeaderField& field = fields_[at];
        const std::string_view name = field.name.in(bytes_);
        if (is_hop_by_hop(fields_, bytes_, field) || field.id == KnownHeader::expect) return false;
        if (field.id == KnownHeader::content_length && body_ == SentBody::none) return false;
        return !ascii::iequals(name, "proxy") && !is_shadow(name);
    }

    // Whether a field before this one has its name: then it was joined to that.
    bool is_repetition(std::size_t at) const {
        for (std::size_t i = 0; i < at; ++i) {
            if (same_name(i, at)) return true;
        }
        return false;
    }

    std::string param_name(std::size_t at) const {
        std::string name = "HTTP_";
        for (const char c : fields_[at].name.in(bytes_)) name += param_letter(c);
        return name;
    }

    // Its value and those of its repetitions, as one list (RFC 9110 5.3); cookies have a list of their own
    // kind.
    std::string_view value(std::size_t at, std::string& joined) const {
        const std::string_view first = fields_[at].value.in(bytes_);
        joined.clear();
        for (std::size_t i = at + 1; i < fields_.size(); ++i) {
            if (!same_name(i, at)) continue;
            if (joined.empty()) joined = first;
            joined += fields_[at].id == KnownHeader::cookie ? "; " : ", ";
            joined += fields_[i].value.in(bytes_);
        }
        return joined.empty() ? first : joined;
    }

    std::size_t size() const noexcept { return fields_.size(); }

 private:
    bool same_name(std::size_t a, std::size_t b) const {
        const HeaderField& one = fields_[a];
        const HeaderField& other = fields_[b];
        if (one.id != other.id) return false;
        return one.id != KnownHeader::unknown || ascii::iequals(one.name.in(bytes_), other.name.in(bytes_));
    }

    // "X_Real_IP" where there is an "X-Real-IP": it must not be able to stand in for that.
    bool is_shadow(std::string_view name) const {
        if (name.find('_') == name.npos) return false;
        return std::ranges::any_of(fields_, [&](const HeaderField& other) {
            const std::string_view other_name = other.name.in(bytes_);
            return other_name.find('_') == other_name.npos && same_param(name, other_name);
        });
    }

    const FieldList& fields_;
    std::string_view bytes_;
    SentBody body_;
};

}  // namespace

bool knows_length(const Request& request) { return request.framing().kind == Framing::Kind::content_length; }

bool write_params(Request& request, const GatewayConf& conf, SentBody body, std::string_view no_body,
                  WriteParam write, std::string& out) {
    const auto put = [&](std::string_view name, std::string_view value) {
        if (write(out, name, value)) return true;
        request.log_at(LogLevel::error, "the parameter \"{}\" cannot be sent: too long, or a NUL is in it",
                       name);
        return false;
    };
    char digits[kDecimalDigits];
    std::string_view length = no_body;
    if (body != SentBody::none)
        length = {digits,
                  static_cast<std::size_t>(format_decimal(digits, length_of(request, body)) - digits)};
    if (!put(kContentLength, length)) return false;
    for (const GatewayParam& param : *conf.params) {
        if (param.name == kContentLength) continue;
        const std::string_view value = param.value.eval(request);
        if (value.empty() && param.if_not_empty) continue;
        if (!put(param.name, value)) return false;
    }
    if (!*conf.pass_request_headers) return true;
    const ClientFields fields(request, body);
    std::string joined;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (!fields.passes(i) || fields.is_repetition(i)) continue;
        const std::string name = fields.param_name(i);
        if (conf.sets_param(name)) continue;
        if (!put(name, fields.value(i, joined))) return false;
    }
    return true;
}

}  // namespace berth::http
