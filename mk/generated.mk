# Sources that are made: before any object is compiled.
GENERATED += $(BUILD)/gen/generated/parameters.stamp
$(BUILD)/gen/generated/parameters.stamp: conf/parameters.tsv conf/parameter-readers.tsv mk/gen-parameters
	mk/gen-parameters conf/parameters.tsv conf/parameter-readers.tsv $(@D) $(if $(HAVE_DB),,without-berkeley-db)
$(BUILD)/gen/generated/parameters.h $(BUILD)/gen/generated/parameters.inc: $(BUILD)/gen/generated/parameters.stamp
	@: # make looks at their times again, which the stamp's recipe leaves alone where nothing changes

# postconf(5) is the parameter table in another form.
GENERATED_MAN := $(BUILD)/man/postconf.5
$(BUILD)/man/postconf.5: conf/parameters.tsv man/man5/postconf.5.in mk/gen-postconf-man
	mk/gen-postconf-man conf/parameters.tsv man/man5/postconf.5.in $@
man: $(GENERATED_MAN)
