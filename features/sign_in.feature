Feature: Sign-in
  Manuel knows people by what its user pool says of them, and by nothing else. Whoever cannot show a good token of that
  pool gets nothing, changes nothing and pays for nothing, whatever is asked for.

  Scenario: Somebody who is signed in is let in
    When Anna tries to "list the manuals"
    Then Anna is let in
    And Anna sees 0 manuals

  Scenario: Both tokens of a session say who somebody is
    Given Anna tries to "upload a manual"
    When Anna tries to "list the manuals" with "the other token of the session"
    Then Anna is let in
    And Anna sees 1 manual

  @stores
  Scenario Outline: Without a token nobody may <call>
    When Anna tries to "<call>" with "no token"
    Then Anna is refused because "nobody is signed in"
    And nothing is stored or charged for Anna

    Examples:
      | call                          |
      | ask a question                |
      | ask aloud                     |
      | have a recording written down |
      | list the manuals              |
      | read a manual                 |
      | upload a manual               |
      | announce a large manual       |
      | complete a large manual       |
      | fetch a manual from the web   |
      | delete a manual               |
      | see the usage                 |
      | see the quota                 |
      | see the indexing              |
      | see one indexing job          |

  @stores
  Scenario Outline: Nobody is let in by <token>
    When Anna tries to "<call>" with "<token>"
    Then Anna is refused because "the session is not valid"
    And nothing is stored or charged for Anna

    Examples: Tokens that somebody made up
      | token                                            | call            |
      | a token altered to last a year                   | ask a question  |
      | an unsigned token                                | ask a question  |
      | a token that says its signature does not matter  | upload a manual |
      | a token signed with what is public of the pool's key | upload a manual |
      | a token signed with an empty secret              | see the quota   |
      | a token whose signature is cut off               | ask a question  |
      | half a token                                     | see the usage   |
      | a token with a part too many                     | ask a question  |
      | the token that renews the session                | ask a question  |

    @local
    Examples: Tokens that are well made and still not good
      | token                                                      | call            |
      | a token that is not yet valid                              | ask a question  |
      | a token for another app                                    | ask a question  |
      | a token of another user pool                               | upload a manual |
      | a token that says it is of the other kind                  | ask a question  |
      | a token of a key that the pool never had                   | upload a manual |
      | a token signed by a stranger in the name of the pool's key | ask a question  |

  @local @stores
  Scenario: Nobody is let in by a token whose time is over
    When Anna tries to "ask a question" with "an expired token"
    Then Anna is refused because "the session has ended"
    And nothing is stored or charged for Anna

  @stores
  Scenario: A token that is altered to name somebody else gives nothing of theirs
    Given Bert uploads the manual "router"
    When Anna tries to "list the manuals" with "a token altered to name somebody else"
    Then Anna is refused because "the session is not valid"
    And Bert has nothing but the manual "router"

  Scenario Outline: A token counts in its own place, and not as <place>
    When Anna tries to "list the manuals" with "<place>"
    Then Anna is refused because "nobody is signed in"

    Examples:
      | place                              |
      | the token in the address           |
      | the token in a cookie              |
      | the token without the word before it |
      | the token under another word       |

  Scenario: Any single letter makes a token worthless
    Then no token of Anna that is altered in one letter lets anybody in
    When Anna tries to "list the manuals"
    Then Anna is let in

  Scenario: Nothing but a token lets anybody in
    Then no text that is not a token lets Anna in

  Scenario: The word before the token may be spelt as one likes
    Then Anna is let in however the word before the token is spelt

  Scenario: Whoever signs out cannot renew the session
    Given Anna keeps the session
    When Anna signs out
    Then Anna cannot renew the kept session

  Scenario: A session that is renewed is the same person's
    Given Anna keeps the session
    And Anna tries to "upload a manual"
    When Anna renews the kept session
    And Anna tries to "list the manuals"
    Then Anna is let in
    And Anna sees 1 manual

  @clock
  Scenario: A session ends by itself after an hour
    Given Anna keeps the session
    When 59 minutes pass
    And Anna tries to "list the manuals" with "the token that was kept"
    Then Anna is let in
    When 3 minutes pass
    And Anna tries to "list the manuals" with "the token that was kept"
    Then Anna is refused because "the session has ended"

  @clock
  Scenario: A session that is renewed goes on
    Given Anna keeps the session
    And Anna tries to "upload a manual"
    When 62 minutes pass
    And Anna tries to "list the manuals" with "the token that was kept"
    Then Anna is refused because "the session has ended"
    When Anna renews the kept session
    And Anna tries to "list the manuals"
    Then Anna is let in
    And Anna sees 1 manual

  @clock @stores
  Scenario: The session of an account that is gone ends within the hour for good
    Given Anna keeps the session
    When the account of Anna is deleted
    Then Anna cannot renew the kept session
    When 62 minutes pass
    And Anna tries to "ask a question" with "the token that was kept"
    Then Anna is refused because "the session has ended"
    And nothing is stored or charged for Anna

  @alone @outages @local @stores
  Scenario: While nobody can tell whether a token is good, it is not
    Given the keys of the user pool cannot be reached
    When Anna tries to "upload a manual" with "a token of a key that the pool never had"
    Then Anna gets nothing
    And nothing is stored or charged for Anna
    When everything is there again
    Then Manuel can tell tokens of Anna from others again

  @alone @outages @server
  Scenario: Those whose key is known go on while the user pool is out
    Given Anna tries to "list the manuals"
    And the keys of the user pool cannot be reached
    When Anna tries to "list the manuals"
    Then Anna is let in
    When everything is there again
    Then Manuel can tell tokens of Anna from others again

  @local
  Scenario Outline: A token is written down nowhere: <call>
    When Anna tries to "<call>"
    Then Anna is let in
    And Manuel writes down the call of Anna, and no token

    Examples:
      | call            |
      | ask a question  |
      | upload a manual |
      | see the quota   |

  @local
  Scenario: What is asked is written down nowhere
    When Anna asks "Does the zirconium flux capacitor need oil?"
    Then Anna gets an answer
    And Manuel writes down the call of Anna, and nowhere "zirconium flux"

  @clock
  Scenario: A session is over a minute after its hour at the latest
    Given Anna keeps the session
    When 3665 seconds pass
    And Anna tries to "list the manuals" with "the token that was kept"
    Then Anna is refused because "the session has ended"
