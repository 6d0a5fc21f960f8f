// How a failed system call is put into words.
#include "core/result.hpp"

#include <system_error>

namespace berth {

Error system_error(std::string_view call, std::string_view subject, int error_number) {
    std::string text(call);
    text += "()";
    if (!subject.empty()) {
        text += " \"";
        text += subject;
        text += '"';
    }
    text += " failed (" + std::to_string(error_number) + ": ";
    text += std::generic_category().message(error_number) + ")";
    return Error(std::move(text), error_number);
}

}  // namespace berth
