// The answers that `return` gives.
#pragma once

#include "core/value/value.hpp"
#include "modules/http/request.hpp"

namespace berth::http {

// `return status [text]`. A text is a Location for 301, 302, 303, 307 and 308, a body for every other status;
// without one, statuses from 400 on go by way of error_page.
Verdict return_answer(Request& request, int status, const Value& text, bool has_text);

}  // namespace berth::http
