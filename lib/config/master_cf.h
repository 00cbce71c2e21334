// master.cf: one service a logical line, eight fields and arguments.  master runs what stands here;
// postconf shows and edits the same lines.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/config/logical_lines.h"

namespace relais {

// The columns in order; postconf knows them by the names of kMasterFieldNames.
enum class MasterField : unsigned char {
    kName,
    kType,
    kPrivate,
    kUnprivileged,
    kChroot,
    kWakeup,
    kProcessLimit,
    kCommand,
};

inline constexpr std::array<std::string_view, 8> kMasterFieldNames = {
    "service", "type", "private", "unprivileged", "chroot", "wakeup", "process_limit", "command"};

// A line as it is written.
struct MasterLine {
    std::array<std::string, 8> fields;
    std::vector<std::string> arguments;  // braces and the blanks inside them taken off
    std::string file;
    int first_line = 0;
    int last_line = 0;

    const std::string& field(MasterField which) const {
        return fields.at(static_cast<std::size_t>(which));
    }
};

enum class ServiceType { kInet, kUnix, kUnixDgram, kFifo, kPass };

[[nodiscard]] std::string_view service_type_name(ServiceType type);

// What the line means.
struct MasterService {
    std::string name;  // "smtp", "[::1]:2525", "cleanup"
    ServiceType type = ServiceType::kUnix;
    bool is_private = true;
    bool is_unprivileged = true;
    bool is_chroot = false;
    bool chroot_is_default = false;  // "-" stood in the column
    int wakeup = 0;                  // seconds; 0: never
    bool wakeup_if_used = false;     // "60?": only after the first use
    int process_limit = 0;           // 0: no limit
    std::string path;                // the socket's, where it is not in private/ or public/
    std::string command;
    std::vector<std::string> arguments;
    std::string file;
    int line = 0;
};

// What "-" stands for.
struct MasterDefaults {
    bool chroot = false;  // true below compatibility_level 1
    int process_limit = 100;
};

// One logical line into its fields; the arguments keep their braces.
[[nodiscard]] Result<MasterLine> split_master_line(const LogicalLine& logical);

// The arguments with options taken apart: "-vo", "-oname=value" and "{-o} {name=value}" become "-o"
// and its setting of their own, up to the first word that is no option.
[[nodiscard]] std::vector<std::string> normalize_options(std::vector<std::string> arguments);

// All lines in order.  Errors have Postfix's words and the place: "PATH: line N: ...".
[[nodiscard]] Result<std::vector<MasterLine>> parse_master_lines(std::string_view text,
                                                                 std::string_view path);
[[nodiscard]] Result<MasterService> interpret(const MasterLine& line,
                                              const MasterDefaults& defaults);

// Both steps.  Of services with the same name and type the last counts, with a warning.
[[nodiscard]] Result<std::vector<MasterService>> parse_master_cf(std::string_view text,
                                                                 const MasterDefaults& defaults,
                                                                 std::string_view path);

// master.cf of the directory and then master.cf.d/*.cf, whose services take the place of earlier
// ones with the same name and type.
[[nodiscard]] Result<std::vector<MasterService>> read_master_cf(const std::string& config_directory,
                                                                const MasterDefaults& defaults);

// The "-o name=value" settings among the arguments, as "name=value" each.
[[nodiscard]] std::vector<std::string> parameter_settings(
    const std::vector<std::string>& arguments);

}  // namespace relais
