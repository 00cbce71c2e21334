// The command line of qshape.
#pragma once

#include <string>
#include <vector>

namespace relais {

struct QshapeOptions {
    bool senders = false;            // -s: by the sender's domain
    bool parents = false;            // -p: sums for parent domains, too
    bool linear = false;             // -l: equal age intervals
    unsigned min_subdomains = 5;     // -m
    unsigned buckets = 10;           // -b
    double minutes = 5;              // -t: the first interval
    unsigned width = 80;             // -w
    unsigned batch_messages = 1000;  // -N: on a terminal, show the table after so many messages
    unsigned batch_domains = 20;     // -n: on a terminal, so many rows
    std::vector<std::string> queues;
};

// Ends the process where the command line makes no sense.  Takes notice of -c at once.
[[nodiscard]] QshapeOptions parse_qshape_options(int argc, char** argv);

}  // namespace relais
