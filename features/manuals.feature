Feature: Manuals
  People keep their manuals with Manuel: they send them, see them in a list, get them back as they were, and take them
  away for good. What is no manual is refused with a reason, and leaves nothing behind.

  @stores
  Scenario: A manual that is sent is stored, indexed and given back as it was
    When Anna uploads the manual "router"
    Then Anna is told that the manual is taken
    And the manual "router" of Anna is whole
    And Anna has exactly 1 manual in store
    When Anna reads the manual "router"
    Then the link to the manual "router" gives Anna the file that was sent

  Scenario: The list shows each manual with its name, its pages and how far it is
    Given Anna has the manual "router"
    And Anna has the manual "ebike"
    And Anna has the manual "coffee" under the name "Über Kaffee.pdf"
    When Anna lists the manuals
    Then Anna sees 3 manuals
    And Anna sees these manuals:
      | name            | pages | status |
      | router.pdf      | 8     | ready  |
      | ebike.md        | 1     | ready  |
      | Über Kaffee.pdf | 8     | ready  |

  Scenario: Somebody without manuals has an empty list
    When Anna lists the manuals
    Then Anna sees 0 manuals

  Scenario Outline: A list of 5 manuals comes in pages of <size>, each manual once
    Given Anna has uploaded 5 notes
    When Anna lists the manuals in pages of <size>
    Then Anna has seen every manual once, on <pages> pages

    Examples:
      | size | pages |
      | 1    | 5     |
      | 2    | 3     |
      | 4    | 2     |
      | 5    | 1     |
      | 100  | 1     |

  Scenario Outline: A list with <what> is refused
    Given Anna has uploaded 1 note
    When Anna asks for the list with "<what>"
    Then Anna is refused because "<reason>"

    Examples:
      | what                          | reason                        |
      | no manual a page              | no page has that size         |
      | 101 manuals a page            | no page has that size         |
      | less than no manual a page    | no page has that size         |
      | half a manual a page          | no page has that size         |
      | a place that is no place      | the list does not go on there |
      | a place that Manuel never named | the list does not go on there |

  @clock
  Scenario: A link is good for a quarter of an hour, and no longer
    Given Anna has the manual "solar"
    When Anna reads the manual "solar"
    And 14 minutes pass
    Then the link to the manual "solar" gives Anna the file that was sent
    When 2 minutes pass
    Then the link to the manual "solar" gives Anna nothing any more
    When Anna reads the manual "solar"
    Then the link to the manual "solar" gives Anna the file that was sent

  @stores
  Scenario: A manual that is deleted is gone everywhere, and the others stay
    Given Anna has the manual "router"
    And Anna has the manual "solar"
    When Anna reads the manual "router"
    And Anna deletes the manual "router"
    Then Anna is told that it is done
    And nothing is left of the manual "router" of Anna
    And the link to the manual "router" gives Anna nothing any more
    And the manual "solar" of Anna is whole
    And Anna has exactly 1 manual in store
    When Anna reads the manual "router"
    Then Anna is refused because "it is not there"
    When Anna lists the manuals
    Then Anna sees these manuals:
      | name     | pages | status |
      | solar.md | 1     | ready  |

  @stores
  Scenario: Deleting twice is as good as deleting once
    Given Anna has the manual "router"
    And Anna has the manual "solar"
    When Anna deletes the manual "router"
    Then Anna is told that it is done
    When Anna deletes the manual "router"
    Then Anna is told that it is done
    And nothing is left of the manual "router" of Anna
    And the manual "solar" of Anna is whole

  Scenario Outline: Something that never was is not there for somebody who <what> it
    Given Anna has the manual "solar"
    When Anna "<what>" that never was
    Then Anna is refused because "it is not there"
    When Anna lists the manuals
    Then Anna sees 1 manual

    Examples:
      | what                |
      | reads a manual      |
      | deletes a manual    |
      | completes an upload |
      | looks at a job      |

  Rule: The same upload again

    @stores
    Scenario: The same upload with the same key is the same manual
      When Anna uploads the manual "router" with the key "monday-1"
      Then Anna is told that the manual is taken
      When Anna uploads the manual "router" with the key "monday-1"
      Then Anna is told of the manual "router" again
      And Anna has exactly 1 manual in store

    @stores
    Scenario: The same upload with the same key many times at once is one manual
      When Anna uploads the manual "solar" with the key "monday-1" 8 times at once
      Then Anna is told of one and the same manual every time
      And the manual "solar" of Anna is whole
      And Anna has exactly 1 manual in store

    @stores
    Scenario: Another file with the same key is refused
      Given Anna uploads the manual "router" with the key "monday-1"
      When Anna uploads the manual "solar" with the key "monday-1"
      Then Anna is refused because "the key was used for another upload"
      And Anna has exactly 1 manual in store

    @stores
    Scenario: The same file without a key, or with another one, is another manual
      Given Anna uploads the manual "solar" with the key "monday-1"
      When Anna uploads the manual "solar" with the key "monday-2"
      Then Anna is told of another manual than "solar"
      And Anna has exactly 2 manuals in store
      When Anna uploads the manual "solar"
      Then Anna has exactly 3 manuals in store

    @stores
    Scenario: The key of a manual that was deleted does not bring it back
      Given Anna uploads the manual "solar" with the key "monday-1"
      And Anna deletes the manual "solar"
      When Anna uploads the manual "solar" with the key "monday-1"
      Then Anna is refused because "the manual of this key was deleted"
      And nothing is left of the manual "solar" of Anna
      And Anna has exactly 0 manuals in store

    @clock @stores
    Scenario: A key is remembered for a day
      Given Anna uploads the manual "solar" with the key "monday-1"
      When 1430 minutes pass
      And Anna uploads the manual "solar" with the key "monday-1"
      Then Anna is told of the manual "solar" again
      When 20 minutes pass
      And Anna uploads the manual "solar" with the key "monday-1"
      Then Anna is told of another manual than "solar"
      And Anna has exactly 2 manuals in store

    @stores
    Scenario Outline: A key of <length> characters is <outcome>
      When Anna uploads the manual "solar" with a key of <length> characters
      Then Anna <told>
      And Anna has exactly <manuals> in store

      Examples:
        | length | outcome | told                                     | manuals   |
        | 1      | taken   | is told that the manual is taken         | 1 manual  |
        | 128    | taken   | is told that the manual is taken         | 1 manual  |
        | 129    | refused | is refused because "the key cannot be one" | 0 manuals |

  Rule: Names

    Scenario Outline: A name of <name> is kept
      When Anna uploads a note whose name is "<name>"
      Then Anna is told that the manual is taken

      Examples:
        | name                          |
        | 255 letters                   |
        | 255 letters of two bytes each |
        | 255 emoji                     |
        | 255 letters between blanks    |

    @stores
    Scenario Outline: A name of <name> is refused, and nothing is stored
      When Anna uploads a note whose name is "<name>"
      Then Anna is refused because "the name cannot be one"
      And Anna has exactly 0 manuals in store

      Examples:
        | name                              |
        | 256 letters                       |
        | 256 emoji                         |
        | nothing                           |
        | nothing but blanks                |
        | a line end within                 |
        | a zero byte within                |
        | a hidden line end within          |
        | letters that turn the text around |

    @stores
    Scenario Outline: A name that looks like code or like a path is a name like any other
      When Anna uploads a note called "<name>"
      Then Anna is told that the manual is taken
      And Anna has exactly 1 manual in store

      Examples:
        | name                         |
        | <script>alert(1)</script>.md |
        | '; DROP TABLE manuals; --    |
        | ../../../etc/passwd          |
        | %2e%2e%2fmanual.md           |
        | ${jndi:ldap://x}             |
        | Anleitung Größe 📘.pdf       |

    Scenario: Whatever the script, a name is kept as it is
      Then any name that Anna gives a note is kept as it is

  Rule: Sizes

    @stores
    Scenario Outline: An upload of <size> bytes is taken
      When Anna uploads a PDF of <size> bytes
      Then Anna is told that the manual is taken
      And Anna has exactly 1 manual in store

      Examples:
        | size    |
        | 1000    |
        | 4499999 |
        | 4500000 |

    @stores
    Scenario: One letter is a manual
      When Anna uploads "a letter"
      Then Anna is told that the manual is taken
      And Anna has exactly 1 manual in store

    @stores
    Scenario: An upload of one byte too many is refused, and nothing is stored
      When Anna uploads a PDF of 4500001 bytes
      Then Anna is refused because "the file is too large"
      And Anna has exactly 0 manuals in store

    @stores
    Scenario: An empty file is refused, and nothing is stored
      When Anna uploads "an empty file"
      Then Anna is refused because "the file is empty"
      And Anna has exactly 0 manuals in store

    @slow
    Scenario: Whatever the size, only the size decides
      Then any size of a PDF of Anna is taken up to 4500000 bytes and refused beyond

  Rule: What is no manual

    @stores
    Scenario Outline: <file> is refused, and nothing is stored
      When Anna uploads "<file>"
      Then Anna is refused because "<reason>"
      And Anna has exactly 0 manuals in store

      Examples: Files that are not what they are called
        | file                            | reason                             |
        | text that is called a PDF       | the file is not what it is called  |
        | an image that is called a PDF   | the file is not what it is called  |
        | an archive that is called a PDF | the file is not what it is called  |
        | a web page that is called a PDF | the file is not what it is called  |
        | a PDF behind a blank line       | the file is not what it is called  |
        | a PDF that is called text       | the file is not what it is called  |
        | a PDF that is called Markdown   | the file is not what it is called  |
        | an archive that is called text  | the file is not what it is called  |
        | text in an old encoding         | the file is not what it is called  |
        | text with a zero byte           | the file is not what it is called  |
        | text that ends within a letter  | the file is not what it is called  |

      Examples: Files that cannot be read
        | file                    | reason                  |
        | the first line of a PDF | the file cannot be read |
        | half a PDF              | the file cannot be read |
        | a PDF without pages     | the file cannot be read |
        | a PDF behind a password | the file cannot be read |
        | blank text              | the file cannot be read |

      Examples: Files of another type
        | file              | reason                           |
        | a text document   | files of this type are not taken |
        | a web page        | files of this type are not taken |
        | an image          | files of this type are not taken |
        | a file of no type | files of this type are not taken |

    @stores
    Scenario: A file that was garbled on its way is refused, and nothing is stored
      When Anna uploads a file that was garbled on its way
      Then Anna is refused because "the file was garbled"
      And Anna has exactly 0 manuals in store

    Scenario: A file that is refused does not cost a question
      When Anna uploads "a PDF behind a password"
      Then Anna is refused because "the file cannot be read"
      And Anna has the whole day's questions left

  @clock
  Scenario: A deleted manual is known as deleted for long
    Given Anna has the manual "solar"
    When Anna deletes the manual "solar"
    And 60 minutes pass
    And Anna deletes the manual "solar"
    Then Anna is told that it is done
