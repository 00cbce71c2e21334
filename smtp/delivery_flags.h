// "flags=DORX" behind the program's name in master.cf: a delivery that is a message's last hop.
#pragma once

#include <string>
#include <vector>

#include "lib/ipc/delivery_request.h"

namespace relais::smtp_client {

struct DeliveryFlags {
    bool delivered_to = false;  // D: a Delivered-To header
    bool original_to = false;   // O: X-Original-To
    bool return_path = false;   // R: Return-Path
    bool final_hop = false;     // X, lmtp_assume_final: an LMTP server's mail is delivered

    // The flag that wants one recipient at a time; 0: none does.
    char for_one_recipient() const { return delivered_to ? 'D' : original_to ? 'O' : '\0'; }
};

// Ends the process where an argument is none of ours.  With `assume_final` (lmtp_assume_final) X is
// among them.
[[nodiscard]] DeliveryFlags parse_delivery_flags(const std::vector<std::string>& arguments,
                                                 bool assume_final);

// The header lines for the first of the recipients, each with LF.
[[nodiscard]] std::string delivery_headers(const DeliveryFlags& flags,
                                           const DeliveryRequest& request);

}  // namespace relais::smtp_client
