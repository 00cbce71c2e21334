#include "tools/postconf/service_line.h"

#include <array>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/main_cf.h"

#include "tools/postconf/print.h"

namespace relais::postconf {

namespace {

constexpr std::size_t kLineLimit = 80;
constexpr std::size_t kIndent = 4;
// Where each field begins; a longer one pushes the next.
constexpr std::array<std::size_t, 8> kColumns = {0, 11, 17, 25, 33, 41, 49, 57};

// Puts words on lines: settings (-o) begin a line of their own when folding.
class CommandWriter {
  public:
    CommandWriter(std::string& out, std::size_t length, bool fold)
        : out_(out), length_(length), fold_(fold) {}

    void setting(std::string_view word) {
        if (fold_) {
            new_line();
            settings_on_line_ = true;
            put(word);
        } else {
            put_spaced(word);
        }
    }

    void word(std::string_view word) {
        if (fold_ && (settings_on_line_ || length_ + 1 + word.size() >= kLineLimit)) {
            new_line();
            settings_on_line_ = false;
            put(word);
        } else {
            put_spaced(word);
        }
    }

  private:
    void new_line() {
        out_ += '\n';
        out_.append(kIndent, ' ');
        length_ = kIndent;
    }

    void put_spaced(std::string_view word) {
        if (length_ > 0) {
            out_ += ' ';
            ++length_;
        }
        put(word);
    }

    void put(std::string_view word) {
        out_ += word;
        length_ += word.size();
    }

    std::string& out_;
    std::size_t length_;
    bool fold_;
    bool settings_on_line_ = false;
};

bool has_blanks(std::string_view text) {
    return text.find_first_of(kBlanks) != std::string_view::npos;
}

// "name=value" as it is written behind -o: in braces where it has blanks.
std::string setting_text(const std::string& setting, const Service& service, const Options& options,
                         const Model* model) {
    std::string text = setting;
    if (auto pair = split_name_value(setting)) {
        std::string value(pair->value);
        text = std::string(pair->name) + "=" +
               (options.expand ? model->expanded(value, &service) : value);
    }
    return has_blanks(text) ? "{" + text + "}" : text;
}

void write_command(std::string& out, std::size_t length, const Service& service,
                   const Options& options, const Model* model) {
    CommandWriter writer(out, length, options.fold);
    bool in_options = true;
    const auto& arguments = service.line.arguments;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const auto& argument = arguments[i];
        if (in_options && argument == "-o" && i + 1 < arguments.size()) {
            writer.setting("-o " + setting_text(arguments[++i], service, options, model));
            continue;
        }
        // The word that ends the options stands without braces even where it has blanks.
        bool braces = !in_options && has_blanks(argument);
        writer.word(braces ? "{" + argument + "}" : argument);
        in_options = in_options && argument.starts_with('-') && argument != "--";
    }
}

}  // namespace

std::string service_text(const Service& service, const Options& options, const Model* model) {
    std::string out;
    for (std::size_t i = 0; i < kColumns.size(); ++i) {
        if (i > 0) {
            out.append(out.size() < kColumns.at(i) ? kColumns.at(i) - out.size() : 1, ' ');
        }
        out += service.line.fields.at(i);
    }
    write_command(out, out.size(), service, options, model);
    return out;
}

std::string command_text(const Service& service, const Options& options, const Model* model) {
    std::string out = service.line.field(MasterField::kCommand);
    std::size_t prefix = options.hide_name ? 0 : service.id().size() + sizeof "/command = " - 1;
    write_command(out, prefix + out.size(), service, options, model);
    return out;
}

std::string format_field(std::string_view name, std::string_view value, const Options& options) {
    if (options.json || options.hide_value) {
        return format_value(name, value, options);
    }
    return options.hide_name ? std::string(value) : format("{} = {}", name, value);
}

}  // namespace relais::postconf
