#include "tools/qshape/options.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/config/command.h"

namespace relais {

namespace {

constexpr int kUsageStatus = 255;
constexpr unsigned kMaxBuckets = 60;  // 5 minutes doubled so often is more than there is time
constexpr unsigned kMaxNumber = 1000000;

[[noreturn]] void usage() {
    std::fputs(
        "usage: qshape [-s] [-p] [-m min_subdomains] [-l] [-b bucket_count] [-t bucket_time]\n"
        "\t[-w terminal_width] [-N batch_msg_count] [-n batch_top_domains]\n"
        "\t[-c config_directory] [queue_name ...]\n"
        "-s  count by the sender's domain, not by the recipients'\n"
        "-p  show sums (.example.com) for parent domains with at least min_subdomains (5) of them\n"
        "-l  age intervals of equal length; without it each is twice as long as the one before\n"
        "The first interval ends at bucket_time (5) minutes. The queues are incoming and active,\n"
        "where no others are named; names are relative to queue_directory.\n",
        stderr);
    std::exit(kUsageStatus);
}

// As with the original, what is no positive number leaves the default.
double positive(const char* text, double fallback, double limit) {
    double value = std::strtod(text, nullptr);
    return std::isfinite(value) && value > 0 ? std::min(value, limit) : fallback;
}

unsigned positive(const char* text, unsigned fallback, unsigned limit) {
    const double wide = fallback;
    double value = positive(text, wide, static_cast<double>(limit));
    return value >= 1 ? static_cast<unsigned>(value) : fallback;
}

}  // namespace

QshapeOptions parse_qshape_options(int argc, char** argv) {
    QshapeOptions out;
    for (int option; (option = ::getopt(argc, argv, "+b:c:hlm:n:N:pst:w:")) != -1;) {
        switch (option) {
            case 'b':
                out.buckets = positive(::optarg, out.buckets, kMaxBuckets);
                break;
            case 'c':
                use_config_directory(::optarg);
                break;
            case 'l':
                out.linear = true;
                break;
            case 'm':
                out.min_subdomains = positive(::optarg, out.min_subdomains, kMaxNumber);
                break;
            case 'n':
                out.batch_domains = positive(::optarg, out.batch_domains, kMaxNumber);
                break;
            case 'N':
                out.batch_messages = positive(::optarg, out.batch_messages, kMaxNumber);
                break;
            case 'p':
                out.parents = true;
                break;
            case 's':
                out.senders = true;
                break;
            case 't':
                out.minutes = positive(::optarg, out.minutes, double{kMaxNumber});
                break;
            case 'w':
                // A narrower table would not be one.
                out.width = std::max(out.width, positive(::optarg, out.width, kMaxNumber));
                break;
            default:
                usage();
        }
    }
    out.queues.assign(argv + ::optind, argv + argc);
    if (out.queues.empty()) {
        out.queues = {"incoming", "active"};
    }
    return out;
}

}  // namespace relais
