// The % variables of Dovecot's settings about users (2.3's letters):
//     %u  the name                %n  its part before the "@"      %d  the domain
//     %h  the home directory      %%  a percent sign               %{name}  a long name
// and what else set() gives.  Between "%" and the name may stand WIDTH or OFFSET.WIDTH in
// characters (a negative offset counts from the end), and modifiers: L lower case, U upper case,
// R reversed, T without blanks at the end.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace relais {

class UserVariables {
  public:
    // How a value is written into the text.
    using Quote = std::function<std::string(std::string_view value)>;

    explicit UserVariables(std::string_view user, std::string_view home = {});

    // `name` is a letter or a long name.
    void set(std::string_view name, std::string_view value);

    // Variables that are not known are empty.
    [[nodiscard]] std::string expand(std::string_view text, const Quote& quote = {}) const;

    // The variables in `text` that are not known, as they stand there.
    [[nodiscard]] std::vector<std::string> unknown(std::string_view text) const;

  private:
    std::map<std::string, std::string, std::less<>> values_;
};

[[nodiscard]] std::string expand_user_variables(std::string_view text, std::string_view user,
                                                std::string_view home = {});

}  // namespace relais
