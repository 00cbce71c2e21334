// postmap -q - with -h or -b: the headers and body lines of a message on standard input are the
// keys, as header_checks and body_checks see them.
#pragma once

#include "lib/maps/build/table_tool.h"

namespace relais {

struct MessageKeys {
    bool headers = false;  // -h
    bool body = false;     // -b
    bool mime = false;     // -m: looks into the parts of the message

    bool wanted() const { return headers || body; }
};

// The exit status: 0 when some key was found.
int query_message(const TableTool& tool, const MessageKeys& keys);

}  // namespace relais
