// Answers that are made of a status alone: error_page, and the built-in pages.
#pragma once

namespace berth::http {

class Request;

// Answers with a status by way of error_page. True when that led to another place: the phases go on from
// there. False when the response is complete. 444 closes the connection without an answer.
bool send_special_response(Request& request, int status);

// Whether error_page says something about this status here.
bool has_error_page(const Request& request, int status);

// The built-in page for a status, with the fields that out() has already.
void send_status_page(Request& request, int status);

}  // namespace berth::http
